"""A curriculum: the stages of a family in turn, and a report about them."""

from .running import CurriculumOptions, run_curriculum

__all__ = ['CurriculumOptions', 'run_curriculum']
