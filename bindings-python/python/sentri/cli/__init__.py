"""The command line, with the same words as that of the npm package."""
