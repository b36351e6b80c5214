"""See ``amaas_tools``."""
