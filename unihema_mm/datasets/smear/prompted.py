"""The prompt of an image record."""

from collections.abc import Sequence

from ..prompts import DEFAULT_PROMPT, DETECTION_TEMPLATE, choose_templates, fill_prompt
from ..transforms.sample_prompt import SamplePrompt


class PromptedMixin:
    """Fills the prompt template, before :class:`SmearRecordsMixin`.

    Args:
        task: Task of the records.
        default_prompt: Prompt words of records that have none.
        prompt_template: Template with the place ``{prompt}``; a list of them; or ``'varied'``, the shipped
            ones of its task. Of several, training draws one for each sample, by :class:`SamplePrompt` as the
            first transform; with ``test_mode`` it is always the first.
        pipeline: Transforms of the dataset.
        test_mode: Whether the samples are for evaluation.
        **kwargs: Arguments of the next class.

    Attributes:
        prompt_templates: The templates.
    """

    def __init__(
        self,
        *args,
        task: str,
        default_prompt: str = DEFAULT_PROMPT,
        prompt_template: str | Sequence[str] = DETECTION_TEMPLATE,
        pipeline: Sequence = (),
        test_mode: bool = False,
        **kwargs,
    ) -> None:
        self.default_prompt = default_prompt
        self.prompt_templates = choose_templates(prompt_template, task)
        self._draws_template = len(self.prompt_templates) > 1 and not test_mode
        if self._draws_template:
            pipeline = [SamplePrompt(self.prompt_templates), *pipeline]
        super().__init__(*args, task=task, pipeline=list(pipeline), test_mode=test_mode, **kwargs)

    def _prompt_fields(self, prompt: object, where: str) -> dict[str, str]:
        """The filled prompt as ``text``, and its words as ``prompt`` where a template is drawn."""
        prompt = prompt or self.default_prompt
        if not isinstance(prompt, str) or not prompt.strip():
            mend = 'write disease or cell words such as "Malaria"'
            raise self._error(where, 'prompt', f'is {prompt!r}', mend)
        text = fill_prompt(prompt, self.prompt_templates[0])
        return {'text': text, 'prompt': prompt} if self._draws_template else {'text': text}
