"""The command line, word by word that of the npm package."""
