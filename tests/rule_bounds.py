"""Which rules a row of measurements breaks, by their bounds alone: the gate without its suite, for tests that judge many pictures of one kind."""


def broken_codes(row, rules):
    """Codes of broken rules; of those that could not be measured with `_not_measured`, as the gate writes them."""
    found = set()
    for rule in rules.rules:
        value = row[rule.column]
        if not rule.applies_to(row):
            continue
        if value is None:
            found.add(f"{rule.code}_not_measured")
        elif (rule.min is not None and value < rule.min) or (rule.max is not None and value > rule.max):
            found.add(rule.code)
    return found
