"""The site: pages for people. It is a client of the API, and has no rights or rules of its own."""
