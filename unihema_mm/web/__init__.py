"""The local web page. Needs gradio, which is imported when a page is built and nowhere else."""

from .options import PageOptions
from .serve import build_page, serve

__all__ = ['PageOptions', 'build_page', 'serve']
