"""Where the annotation schema keeps texts, and what they are called in a data sample."""

from typing import NamedTuple


class TextFields(NamedTuple):
    """Texts of one task.

    Attributes:
        record_key: Key of the list in the image record.
        fields: Name in the data sample -> key in each entry of the list.
    """

    record_key: str
    fields: dict[str, str]


TEXT_FIELDS = {
    'vqa': TextFields(
        'questions', {'questions': 'question', 'answers': 'answer', 'answer_types': 'answer_type'}
    ),
    'mlm': TextFields('sentences', {'masked': 'masked', 'completed': 'completed'}),
}
