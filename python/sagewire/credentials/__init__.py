"""Where credentials come from: arguments, environment, files, a session, a callable."""
