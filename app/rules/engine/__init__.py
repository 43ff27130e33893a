"""What an edition is and what it says of answers: conditions, rules, evaluation, summary."""
