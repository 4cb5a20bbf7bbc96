"""The engine that runs networks in the page, and what it is given: scripts, weights, and what Python knows."""
