"""What looks like the name of a person, where the code of a place or a role should stand.

Belongs here: the shapes of names, the words that only places have, the SQL condition made of them.
Does not belong here: what becomes of such a text (conform_sql.py, the macros of dbt_files.py, chart_settings.py).

A person is known by a title, a mail address or a telephone, a name by its shape: Surname, Forename; J. Smith; J Smith; Smith, J.; or a common forename before a surname.
Part of a text is no person when it holds a word of places: 5 E. Tower, Medicine, East, St. Mary Medical Center. Product-defined:
a surname that is such a word (J. Hall) is missed, and a place that has none of them and the shape of a name (Henry Ford) is taken: a feed names it in `not_people`.
"""

from __future__ import annotations

from ingestion.sql import literal

# Letters are named by ranges: compiling \pL takes 3 ms per use and file. Those beyond ASCII count as capitals and as small ones.
BEYOND_ASCII = r"\x80-\x{10FFFF}"
_CAPITAL, _LETTER = f"[A-Z{BEYOND_ASCII}]", f"[A-Za-z{BEYOND_ASCII}]"
_TITLES = "Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Professor"
# What refuses a role or a reason, which people write in words of their own: a title before a name, a mail address, a telephone. No rule
# knows every name. For DuckDB and for Python; the telephone may have a blank, which in a code of a place parts two numbers.
SIGNS_IN_WORDS = rf"(?i:\b(?:{_TITLES})\b)\.?\s+[A-Z]|@|\b[0-9]{{3}}[ .-][0-9]{{4}}\b"
# The same in a code: a title before a capitalised word, a mail address, seven digits of a telephone.
_SIGNS = f"(?:^|[^A-Za-z{BEYOND_ASCII}])(?:{_TITLES})\\.? +{_CAPITAL}{_LETTER}|@|[0-9]{{3}}[-.][0-9]{{4}}"
_BEFORE, _AFTER = f"(?:^|[^A-Za-z0-9{BEYOND_ASCII}.'])", f"(?:$|[^A-Za-z0-9{BEYOND_ASCII}'])"
_WORD = f"{_CAPITAL}(?:{_LETTER}|['’-]){{2,}}"  # three letters at least: after a comma, two are a state
_INITIAL = f"{_CAPITAL}\\."
_FORENAMES = """
    james john robert michael william david richard joseph thomas charles christopher daniel matthew anthony mark donald steven paul andrew joshua
    kenneth kevin brian george timothy ronald edward jason jeffrey ryan jacob gary nicholas eric jonathan stephen larry justin scott brandon benjamin
    samuel gregory alexander patrick frank raymond jack dennis jerry tyler aaron jose adam nathan henry douglas peter zachary kyle walter ethan jeremy
    keith christian roger terry sean arthur noah lawrence jesse joe bryan billy albert dylan bruce willie gabriel alan juan louis russell
    liam oliver harry connor declan rory callum hamish angus nigel graham ian simon martin philip colin derek trevor neil stuart malcolm mohammed muhammad
    mary patricia jennifer linda elizabeth barbara susan jessica sarah karen lisa nancy betty sandra margaret ashley kimberly emily donna michelle carol
    amanda melissa deborah stephanie rebecca laura helen sharon cynthia kathleen amy shirley angela anna ruth brenda pamela nicole katherine catherine
    christine janet debra carolyn rachel heather diane julie joyce victoria kelly christina lauren joan evelyn olivia judith megan cheryl
    andrea hannah jacqueline martha gloria teresa ann sara frances kathryn janice jean alice abigail julia judy sophia denise amber doris
    marilyn danielle beverly isabella theresa diana natalie brittany marie kayla alexis lori emma fiona niamh aoife siobhan eilidh priya fatima
    jane anne claire joanne tracy wendy gillian hilary lesley maureen sheila bridget ellen rosa maria ana carmen luis carlos jorge pedro miguel
""".split()
_PLACE_WORDS = """
    wards? wings? units? floors? levels? towers? building bldg block suites? rooms? bays? beds? clinics? hospitals? hosp hospice cent(er|re)s? ctr campus
    sites? pavilion house hall lodge annexe? dep(artmen)?ts? division sections? services? teams? offices? desk station lounge lobby reception area zone
    north south east west (north|south)(ern|east|west)? (east|west)ern upper lower inner outer main central new old st saint mt mount memorial general
    community regional county city university college institute schools? health(care)? medic(al|ine) med surg(ery|ical)? emergency urgent acute intensive critical
    care (in|out)patients? observation ambulatory day night short stay step(down)? labou?r delivery birth(ing)? maternity mothers? bab(y|ies) newborns?
    nurser(y|ies) nurs(e|es|ing) women'?s? m[ae]n'?s? child(ren)?'?s? famil(y|ies) adults? adolescents? seniors? elderly older infusion dialysis renal imaging
    labs? laborator(y|ies) pharmacy rehab\\w* recovery operating theat(er|re)s? procedures? cath trauma burns? wounds? pain sleep stroke heart lung kidney
    liver spine bone joints? eyes? ears? skin cancer breast brain palliative mental behaviou?ral admissions? discharges? transfers? triage transport
    billing registration records administration admin security kitchen cafeteria parking virtual home tele\\w* primary special(ty|ties|ist)s? practices?
    group private public internal external head neck ic?us? [nmpsc]icu cvicu pacu pcu ed er ae or ou ob gyn ent gi ms ltc snf harbou?rs? river(side)? lakes?
    hills? park valley gardens? street road avenue district network trust foundation mercy sacred holy sister(s)? veterans? naval army
    cardi\\w* neuro\\w* ortho\\w* onco\\w* gastro\\w* gyna?ec\\w* obst\\w* pa?ed(s|i\\w*) psych\\w* radio\\w* derma\\w* endo\\w* ha?emat\\w* nephro\\w*
    ophth\\w* oto\\w* pulmo\\w* resp\\w* rheum\\w* uro\\w* ana?esth\\w* geriat\\w* neonat\\w* mater\\w* thora\\w* vascul\\w* transplant\\w* \\w+ology \\w+therapy
""".split()
_INITIALS = f"{_BEFORE}((?:{_INITIAL} ?){{1,3}}{_WORD}(?: {_WORD})*){_AFTER}"  # J. Smith, J.R. Smith
_SHAPES = (
    _INITIALS,
    # Surname, Forename: words before the surname belong to the part that is looked at.
    f"{_BEFORE}((?:{_CAPITAL}{_LETTER}*\\.? ){{0,3}}{_WORD}, ?(?:{_WORD}|{_INITIAL})(?: {_WORD}| {_CAPITAL}\\.?)*){_AFTER}",
    # J Smith as the whole text: A of a ward is followed by a word of places.
    f"^({_CAPITAL} {_WORD})$",
    f"^((?i:{'|'.join(_FORENAMES)})(?: {_CAPITAL}\\.?)? {_WORD}(?: {_WORD})?)$",
)
_PLACE = f"(?i)(?:^|[^A-Za-z])(?:{'|'.join(_PLACE_WORDS)})(?:$|[^A-Za-z])"


def looks_like_person(text: str, *, is_place: bool = True) -> str:
    """SQL condition over the SQL expression of a text; null where the text is. Words that are no codes of places
    (Communication, Listening) have the shape of names too: of these only initials before a surname are known."""
    found = [f"regexp_extract({text}, {literal(shape)}, 1)" for shape in (_SHAPES if is_place else (_INITIALS,))]
    shaped = "".join(f" or ({part} <> '' and not regexp_matches({part}, {literal(_PLACE)}))" for part in found)
    return f"(regexp_matches({text}, {literal(_SIGNS)}){shaped})"
