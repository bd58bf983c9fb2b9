"""The stage configs rehearse exactly the earlier tasks that training them could spoil."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config

BASES = Path(__file__).resolve().parents[3] / 'configs/_base_/stages'
SIZES = dict(cls=(40, 40), vqa=(40, 40), mlm=(40, 40))
# Stage 2 learns its tasks without images, so a later stage with images learns others under the same names.
LEARNED_BEFORE = {
    4: ('det', 'seg', 'cls'),
    5: ('det', 'morph', 'seg', 'cls'),
    6: ('det', 'morph', 'seg', 'cls'),
}


@pytest.mark.parametrize('number', LEARNED_BEFORE)
def test_what_a_stage_trains_is_read_by_the_tasks_it_names(build_all_tasks, make_mixed, number):
    stage = Config.fromfile(BASES / f'stage{number}.py').stage
    model = build_all_tasks(trained=list(stage.trains)).train()
    touched = []
    for task in LEARNED_BEFORE[number]:
        if task in stage.tasks:
            continue
        inputs, samples = make_mixed(model, [((task,), SIZES.get(task, (96, 128)))])
        losses = model.loss(inputs, samples)
        total = sum(losses.values())
        if total.requires_grad:
            wanted = [weight for weight in model.parameters() if weight.requires_grad]
            found = torch.autograd.grad(total, wanted, allow_unused=True)
            if any(gradient is not None and gradient.abs().sum() > 0 for gradient in found):
                touched.append(task)
    assert touched == [task for task in stage.get('rehearses', ()) if task in LEARNED_BEFORE[number]]
