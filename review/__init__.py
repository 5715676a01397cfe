"""The page on which people look at doubtful renders and decide. Web libraries are imported by `web.py` alone."""
