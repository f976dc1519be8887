"""NeMo Automodel's fine-tuning recipe, run in an environment of its own: told by a file, watched by the files that it writes."""
