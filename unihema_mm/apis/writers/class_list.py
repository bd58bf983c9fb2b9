"""Class names of a run."""

from collections.abc import Sequence

from unihema_mm.utils.errors import InputError


class ClassList:
    """Classes that all images of a run share, in the order of their numbers.

    Args:
        format_name: Name of the format, for messages.
    """

    def __init__(self, format_name: str) -> None:
        self.names: list[str] = []
        self._format_name = format_name

    def check(self, name: str, classes: Sequence[str]) -> None:
        """Take over the classes of an image, or compare them with those of the images before it.

        Args:
            name: Name of the image.
            classes: Its class names; none where detection was not asked for.

        Raises:
            InputError: They are not those of the run.
        """
        if not classes:
            return
        self.names = self.names or list(classes)
        if self.names != list(classes):
            raise InputError(
                f'{self._format_name}: {name}: classes: {", ".join(classes)} are not those of the images '
                f'before it ({", ".join(self.names)}); write predictions of another model into another folder'
            )
