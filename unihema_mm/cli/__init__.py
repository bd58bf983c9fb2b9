"""The command line ``unihema``.

Modules here import torch and the model only when a command runs, so that ``--help`` is quick.
"""
