"""Questions and sentences with gaps of an image."""

from ..text_fields import TEXT_FIELDS


class TextsMixin:
    """Adds the texts of the image to its record, before :class:`SmearRecordsMixin`.

    Where ``task`` or ``tasks`` name vqa, a record has the lists ``questions``, ``answers`` and
    ``answer_types``; where they name mlm, ``masked`` and ``completed``. Error when the dataset is built: an
    image has none of them.
    """

    def _common(self, image: dict) -> dict:
        record = super()._common(image)
        for task in dict.fromkeys((self.task, *self.tasks)):
            if task in TEXT_FIELDS:
                record.update(self._texts(image, task))
        return record

    def _texts(self, image: dict, task: str) -> dict[str, list[str]]:
        key, fields = TEXT_FIELDS[task]
        entries = image.get(key)
        where = f'image {image["id"]}'
        if not isinstance(entries, list) or not entries:
            mend = f'write at least one entry, or leave {task} out of the tasks'
            raise self._error(where, key, f'is {entries!r}', mend)
        return {
            name: [self._text(entry, field, f'{key}[{index}]', where) for index, entry in enumerate(entries)]
            for name, field in fields.items()
        }

    def _text(self, entry: object, field: str, place: str, where: str) -> str:
        text = entry.get(field) if isinstance(entry, dict) else None
        if not isinstance(text, str) or not text.strip():
            raise self._error(where, f'{place}.{field}', f'is {text!r}', 'write a text')
        return text
