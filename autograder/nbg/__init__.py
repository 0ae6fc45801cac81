"""The parts that nbgrader loads: its configuration and our preprocessors."""
