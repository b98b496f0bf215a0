"""What the load bench compares with: the same two routes in FastAPI with SQLite, as one would write them.

Needs: pip install fastapi uvicorn python-multipart. Usage: uvicorn --app-dir bench/study peer:app  with PEER_DB, PEER_PIXELS (a folder's file), PEER_SIZE (bytes an image), PEER_CASES.
An answer is checked, written to a table and a log, and committed with synchronous = FULL before it is confirmed.
"""

import hashlib
import html
import json
import os
import secrets
import sqlite3
import time

from fastapi import FastAPI, Form, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from pydantic import BaseModel

DB, PIXELS = os.environ["PEER_DB"], os.environ["PEER_PIXELS"]
SIZE, CASES = int(os.environ["PEER_SIZE"]), int(os.environ["PEER_CASES"])
app = FastAPI()


def connect():
    db = sqlite3.connect(DB, isolation_level=None, timeout=30, check_same_thread=False)
    db.execute("PRAGMA journal_mode = wal")
    db.execute("PRAGMA synchronous = full")
    return db


db = connect()
db.executescript("""
CREATE TABLE IF NOT EXISTS people (number INTEGER PRIMARY KEY, token TEXT UNIQUE, step INTEGER DEFAULT 0);
CREATE TABLE IF NOT EXISTS sessions (hash TEXT PRIMARY KEY, person INTEGER);
CREATE TABLE IF NOT EXISTS answers (person INTEGER, key TEXT, n INTEGER, body TEXT, UNIQUE (person, key));
CREATE TABLE IF NOT EXISTS log (seq INTEGER PRIMARY KEY, at REAL, body TEXT, hash TEXT);
""")
pixels = open(PIXELS, "rb")


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


def person(request):
    row = db.execute(
        "SELECT p.number, p.step FROM sessions s JOIN people p ON p.number = s.person WHERE s.hash = ?",
        (digest(request.cookies.get("session", "")),)).fetchone()
    return row


@app.post("/enter")
def enter(secret: str = Form()):
    row = db.execute("SELECT number FROM people WHERE token = ?", (digest(secret),)).fetchone()
    if row is None:
        return JSONResponse({"reason": "no entry"}, 401)
    session = secrets.token_hex(20)
    db.execute("INSERT INTO sessions VALUES (?, ?)", (digest(session), row[0]))
    response = RedirectResponse("/read", 303)
    response.set_cookie("session", session, httponly=True, samesite="strict")
    return response


@app.get("/read")
def read(request: Request):
    me = person(request)
    if me is None or me[1] >= CASES:
        return HTMLResponse("done")
    setup = {"form": digest(request.cookies["session"]), "stretch": f"s{me[0]}", "next": me[1], "total": CASES}
    return HTMLResponse(f'<body data-setup="{html.escape(json.dumps(setup))}">')


@app.get("/image/{stretch}/{n}/{which}")
def image(request: Request, stretch: str, n: int, which: int):
    me = person(request)
    if me is None or not me[1] - 1 <= n <= me[1] + 3:
        return JSONResponse({"reason": "nothing here"}, 404)
    place = (n * 31 + me[0]) % CASES
    return Response(os.pread(pixels.fileno(), SIZE, place * SIZE), media_type="application/octet-stream")


class Answer(BaseModel):
    form: str
    key: str
    stretch: str
    n: int
    revises: bool
    ms: int
    values: dict[str, str]


@app.post("/answer")
def answer(request: Request, sent: Answer):
    me = person(request)
    if me is None or not secrets.compare_digest(sent.form, digest(request.cookies["session"])):
        return JSONResponse({"reason": "forged"}, 403)
    own = connect()
    try:
        own.execute("BEGIN IMMEDIATE")
        number, step = me[0], own.execute("SELECT step FROM people WHERE number = ?", (me[0],)).fetchone()[0]
        known = own.execute("SELECT 1 FROM answers WHERE person = ? AND key = ?", (number, sent.key)).fetchone()
        if known is None:
            if sent.n != step:
                own.execute("ROLLBACK")
                return JSONResponse({"reason": "out of turn"}, 409)
            body = sent.model_dump_json()
            last = own.execute("SELECT seq, hash FROM log ORDER BY seq DESC LIMIT 1").fetchone() or (0, "")
            own.execute("INSERT INTO log VALUES (?, ?, ?, ?)", (last[0] + 1, time.time(), body, digest(last[1] + body)))
            own.execute("INSERT INTO answers VALUES (?, ?, ?, ?)", (number, sent.key, sent.n, body))
            step += 1
            own.execute("UPDATE people SET step = ? WHERE number = ?", (step, number))
        own.execute("COMMIT")
        return {"turn": step >= CASES, "next": step}
    finally:
        own.close()
