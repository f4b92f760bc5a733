"""
Medications that the product knows by their code, until a clinic has a formulary. Pure.

A code is the international nonproprietary name (INN, WHO) in lower case, with hyphens for blanks. A dose of any other
medication is taken too: the list is what an app offers, so that one medication has one code.
"""

CODES = frozenset(
    {
        # Antidepressants
        *("agomelatine", "amitriptyline", "bupropion", "citalopram", "clomipramine", "desvenlafaxine", "dosulepin"),
        *("doxepin", "duloxetine", "escitalopram", "fluoxetine", "fluvoxamine", "imipramine", "levomilnacipran"),
        *("maprotiline", "mianserin", "milnacipran", "mirtazapine", "moclobemide", "nortriptyline", "paroxetine"),
        *("phenelzine", "sertraline", "st-johns-wort", "tranylcypromine", "trazodone", "trimipramine"),
        *("venlafaxine", "vilazodone", "vortioxetine"),
        # Ketamine, taken at home
        *("esketamine", "ketamine"),
        # Mood stabilizers and antipsychotics
        *("aripiprazole", "brexpiprazole", "cariprazine", "lamotrigine", "lithium", "lurasidone", "olanzapine"),
        *("quetiapine", "risperidone", "valproate"),
        # Anxiety, sleep, attention
        *("alprazolam", "buspirone", "clonazepam", "diazepam", "hydroxyzine", "lorazepam", "melatonin", "oxazepam"),
        *("prazosin", "propranolol", "temazepam", "zolpidem", "zopiclone", "atomoxetine", "dexamfetamine"),
        *("lisdexamfetamine", "methylphenidate", "modafinil"),
        # Pain without opioids
        *("baclofen", "carbamazepine", "celecoxib", "clonidine", "cyclobenzaprine", "diclofenac", "etoricoxib"),
        *("gabapentin", "ibuprofen", "lidocaine", "metamizole", "methocarbamol", "naproxen", "oxcarbazepine"),
        *("paracetamol", "pregabalin", "tizanidine", "topiramate"),
        # Opioids, and what stands against them
        *("buprenorphine", "codeine", "fentanyl", "hydrocodone", "hydromorphone", "methadone", "morphine", "oxycodone"),
        *("tapentadol", "tilidine", "tramadol", "naloxone", "naltrexone"),
        # Nausea and blood pressure around a session
        *("labetalol", "metoclopramide", "ondansetron"),
    }
)  # fmt: skip
# Where the name is more than the code without its hyphens.
_NAMES = {
    "paracetamol": "paracetamol (acetaminophen)",
    "st-johns-wort": "St John's wort",
}


def name(code: str) -> str:
    """Return a medication's name in running text, known or not: ``venlafaxine``."""
    return _NAMES.get(code) or code.replace("_", " ").replace("-", " ")


def label(code: str) -> str:
    """Return a medication's name as it stands in a list: ``Venlafaxine``."""
    text = name(code)
    return text[:1].upper() + text[1:]
