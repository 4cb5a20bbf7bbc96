"""The engine that runs networks in the page, and all that it is given: scripts, weights, names."""
