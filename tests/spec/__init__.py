"""The command reference as data; `README.md` beside this file documents the format."""

from .reference import ROWS, SECTIONS, SEQUENCES, Answer, Row, Sequence, at_server

__all__ = ["ROWS", "SECTIONS", "SEQUENCES", "Answer", "Row", "Sequence", "at_server"]
