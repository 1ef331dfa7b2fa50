"""HTTP: the API, the pages, and the limits on both."""
