"""The prompt of an image record."""

from ..prompts import DEFAULT_PROMPT, DETECTION_TEMPLATE, fill_prompt


class PromptedMixin:
    """Fills the prompt template, before :class:`SmearRecordsMixin`.

    Args:
        default_prompt: Prompt words of records that have none.
        prompt_template: Template with the place ``{prompt}``.
        **kwargs: Arguments of the next class.
    """

    def __init__(
        self,
        *args,
        default_prompt: str = DEFAULT_PROMPT,
        prompt_template: str = DETECTION_TEMPLATE,
        **kwargs,
    ) -> None:
        self.default_prompt = default_prompt
        self.prompt_template = prompt_template
        super().__init__(*args, **kwargs)

    def _filled_prompt(self, prompt: object, where: str) -> str:
        prompt = prompt or self.default_prompt
        if not isinstance(prompt, str) or not prompt.strip():
            mend = 'write disease or cell words such as "Malaria"'
            raise self._error(where, 'prompt', f'is {prompt!r}', mend)
        return fill_prompt(prompt, self.prompt_template)
