"""What stands between the network and the WSGI application: slow peers cost no thread."""
