"""Creates the development environment: standard library only, Python 3.10 or newer.

``python -m tools.setup`` (from the repository's root) creates the environment, or checks it in milliseconds,
and prints its interpreter on stdout; everything else it says goes to stderr.
"""
