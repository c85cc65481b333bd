"""Helper package of the lessons. What the lessons build is in `shared.transformer`; a notebook starts from `shared.lesson`."""
