"""Where everything comes together: settings, and the container that knows every adapter."""
