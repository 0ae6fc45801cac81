"""Things to play with, in a notebook and on a page of the book.

- ``alpha_slider``: a live slider that runs the model (ipywidgets);
- ``alpha_page``: the same picture with rates computed beforehand, for a page that has no kernel.
"""

from mechanisms.widgets.alpha import alpha_page, alpha_slider

__all__ = ["alpha_page", "alpha_slider"]
