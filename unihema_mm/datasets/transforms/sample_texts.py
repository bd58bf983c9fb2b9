"""Random choice among the texts of an image."""

import numpy as np
from mmcv.transforms import BaseTransform

from unihema_mm.registry import TRANSFORMS
from unihema_mm.utils.errors import InputError

from ..text_fields import TEXT_FIELDS


@TRANSFORMS.register_module()
class SampleTexts(BaseTransform):
    """Keep some texts of an image, drawn without replacement; for training.

    Modified keys: ``questions``, ``answers``, ``answer_types`` together, ``masked``, ``completed`` together;
    those that are present.

    Args:
        max_texts: Number of texts of each kind that are kept at most, in random order.
    """

    def __init__(self, max_texts: int) -> None:
        if max_texts < 1:
            raise InputError(f'SampleTexts: max_texts: is {max_texts}; give a number of at least 1')
        self.max_texts = max_texts

    def transform(self, results: dict) -> dict:
        """Draw the texts of one record."""
        for _, fields in TEXT_FIELDS.values():
            present = [name for name in fields if name in results]
            if present:
                chosen = np.random.permutation(len(results[present[0]]))[: self.max_texts]
                results.update({name: [results[name][i] for i in chosen] for name in present})
        return results
