"""The privacy notice and the terms, rendered for reading."""
