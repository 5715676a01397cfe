"""Scripts for those who work on Vitrine; nothing here is installed."""
