"""The published networks that scores rest on, by their published names; weights come from `perception.weights`."""
