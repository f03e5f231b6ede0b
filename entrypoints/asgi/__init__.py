"""The ASGI server in front of the WSGI application. It keeps slow clients from holding threads."""
