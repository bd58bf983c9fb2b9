"""Version of unihema_mm."""

__version__ = '0.1.0'
