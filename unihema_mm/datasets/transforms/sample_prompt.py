"""Random choice among the wordings of a prompt."""

from collections.abc import Sequence

import numpy as np
from mmcv.transforms import BaseTransform

from unihema_mm.registry import TRANSFORMS

from ..prompts import choose_templates, fill_prompt


@TRANSFORMS.register_module()
class SamplePrompt(BaseTransform):
    """Draw one of several prompt templates for a sample; for training.

    The datasets put it before their pipeline where they are given several templates, see
    ``prompt_template``. It draws from numpy's generator, as the transforms after it do.

    Required keys: ``prompt``. Modified keys: ``text``.

    Args:
        templates: Templates with the place ``{prompt}``.
    """

    def __init__(self, templates: Sequence[str]) -> None:
        self.templates = choose_templates(list(templates), task='')

    def transform(self, results: dict) -> dict:
        """Fill one of the templates."""
        template = self.templates[np.random.randint(len(self.templates))]
        results['text'] = fill_prompt(results['prompt'], template)
        return results
