"""The clients. `sagewire.client` is the function that makes one; this package holds its parts."""
