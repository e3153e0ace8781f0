"""The front door beside nginx: the same requests, the same core, by turns."""
