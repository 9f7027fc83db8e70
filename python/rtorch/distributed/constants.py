"""How long processes wait for each other when nothing else is said."""

from datetime import timedelta

__all__ = ["default_pg_timeout"]

default_pg_timeout: timedelta = timedelta(minutes=30)
