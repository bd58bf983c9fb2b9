"""The six tiny stages do what they declare: two steps each, from those before, on images of all tasks."""

import pytest
import torch

STAGES = pytest.mark.parametrize('number', range(1, 7))
VISION = {'backbone', 'neck', 'encoder', 'positional_encoding'}
OBJECTS = {
    'memory_trans_fc',
    'memory_trans_norm',
    'decoder',
    'bbox_head.cls_branches',
    'bbox_head.reg_branches',
    'text_encoder',  # the prompts, which TGVR reads
    'text_refiner',
}
DETECTION = {'dn_query_generator', 'bbox_head.loss_cls', 'bbox_head.loss_bbox', 'bbox_head.loss_iou'}
RUN = {
    1: VISION | {'tasks.cls'},
    2: {'text_encoder', 'text_decoder'},
    3: VISION | OBJECTS | DETECTION | {'tasks.cls', 'tasks.seg'},
    4: VISION | OBJECTS | DETECTION | {'tasks.morph'},
    5: VISION | OBJECTS | {'tasks.seg'},
    6: VISION | {'text_encoder', 'text_fusion', 'text_decoder'},
}
WITH_GRAPH = {
    1: RUN[1] - {'positional_encoding'},
    2: RUN[2],
    3: RUN[3] - {'positional_encoding', 'text_encoder'},
    # TGVR is frozen, but the content queries that it refines are trained.
    4: DETECTION
    | {'decoder', 'bbox_head.cls_branches', 'bbox_head.reg_branches', 'tasks.morph', 'text_refiner'},
    5: {'tasks.seg'},
    6: {'text_fusion', 'text_decoder'},
}


@pytest.fixture
def stage(watched_stages, number):
    assert watched_stages[number - 1].declared.number == number
    return watched_stages[number - 1]


@STAGES
def test_what_is_not_declared_stays_bit_identical(stage):
    assert stage.before.keys() == stage.after.keys()
    others = [name for name in stage.after if not stage.is_trained(name)]
    assert others and not [name for name in others if not stage.is_as_before(name)]


@STAGES
def test_all_that_is_declared_is_trained(stage):
    declared = {name for name in stage.parameters if stage.is_trained(name)}
    assert stage.with_gradient == declared
    assert not [name for name in declared if stage.is_as_before(name)]


@pytest.mark.parametrize(('number', 'move'), [(1, True), (3, True), (4, False), (5, False), (6, False)])
def test_running_statistics_move_where_the_backbone_is_trained(stage, move):
    statistics = [name for name in stage.after if name.endswith(('running_mean', 'running_var'))]
    assert statistics and {name.split('.')[0] for name in statistics} == {'backbone'}
    assert all(stage.is_as_before(name) is not move for name in statistics)


@STAGES
def test_the_optimizer_holds_what_is_trained_alone(stage):
    optimizer = stage.checkpoint['optimizer']
    held = [place for group in optimizer['param_groups'] for place in group['params']]
    shapes = [value.shape for name, value in stage.parameters.items() if stage.is_trained(name)]
    assert sorted(held) == sorted(optimizer['state']) == list(range(len(shapes)))
    for moment in ('exp_avg', 'exp_avg_sq'):
        assert sorted(state[moment].shape for state in optimizer['state'].values()) == sorted(shapes)


@STAGES
def test_only_what_a_stage_needs_runs(stage, number):
    """Stage 1 calls neither decoder nor T5, stage 2 no backbone, in training and validation."""
    assert stage.ran - {'data_preprocessor'} == RUN[number]


@STAGES
def test_no_gradient_graph_in_front_of_what_is_trained(stage, number):
    assert stage.with_graph == WITH_GRAPH[number]


@pytest.mark.parametrize('number', [6])
def test_the_fusion_reads_image_and_question_without_a_graph(stage):
    assert stage.fusion_inputs == {(False, False)}


@STAGES
def test_each_stage_begins_where_those_before_ended(watched_stages, stage):
    for start in stage.declared.starts_from:
        source = watched_stages[int(start.checkpoint[-1]) - 1]
        modules = start.modules or ('',)
        taken = [
            name
            for name in source.after
            if any(not part or name == part or name.startswith(f'{part}.') for part in modules)
        ]
        assert taken and not [
            name for name in taken if not torch.equal(stage.before[name], source.after[name])
        ]
