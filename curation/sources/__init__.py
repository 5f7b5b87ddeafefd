"""Where inputs come from: each module turns a SOURCE argument into inputs."""
