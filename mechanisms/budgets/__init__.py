"""Pre-training budgets: what a training run costs in time and money, measured on the machine at hand.

- ``facts``: models, GPUs, prices and the paper's points;  ``settings``: what can be switched;
- ``trainer`` and ``parallel``: a Pythia in training, on one device or several;
- ``measure``: times it;  ``flops``, ``memory``, ``plan``: what can be said without measuring;
- ``fake``: machines on paper, for checks;
- as a command: ``python -m mechanisms.budgets measure --model pythia-160m`` (see ``__main__``).
"""
