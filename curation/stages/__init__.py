"""The stages: each measures one thing of a source and writes columns; none of them discards."""
