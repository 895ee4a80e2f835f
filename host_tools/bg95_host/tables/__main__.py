"""`python -m bg95_host.tables`: write every file that is out of date."""

from bg95_host.tables.generate import files

for path, text in files().items():
    if path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path}")
