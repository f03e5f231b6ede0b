"""The WSGI application, for granian and gunicorn: ``granian --interface wsgi wsgi:app``."""

from config.main import application

app = application()
