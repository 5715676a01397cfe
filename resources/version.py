"""Which Vitrine this is, for pictures, the report, metrics and spans."""

from importlib.metadata import PackageNotFoundError, version


def vitrine_version() -> str:
    """The installed version; `unpackaged` where the sources run without having been installed."""
    try:
        return version("vitrine")
    except PackageNotFoundError:
        return "unpackaged"
