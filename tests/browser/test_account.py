"""The account in a real browser: what is held, consents, objections, restriction, export, and its end."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Error, expect
from tests.support.live import JSON, LiveServer, until
from tests.support.looking import DESKTOP, PHONE, Size, Visit, axe_findings

pytestmark = pytest.mark.browser

Come = Callable[..., Visit]

PROMPT = "Zwei Fähren im Nebel ⛴️ <script>alert(1)</script>"


def _with_an_image(visit: Visit, server: LiveServer, email: str) -> tuple[str, bytes]:
    """Signed up as a program does, the cookies carried over; gives the person's id and their picture."""
    with server.visitor() as curl:
        person = server.sign_up(curl, email)
        made = curl.post("/studio", json={"prompt": PROMPT, "size": "sketch"}).json()
        until(lambda: curl.get(f"/jobs/{made['job']}").json()["done"])
        picture = curl.get(f"/images/{made['id']}/picture").content
        visit.take(curl.cookies)
    return person, picture


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_an_account_to_its_end(visit: Come, server: LiveServer, size: Size, tmp_path: Path) -> None:
    """Every page of the account is sound; each switch turns and back; the export is whole; the end is one."""
    own = visit(size)
    page = own.page
    email = f"account.{size['width']}@example.org"
    person, picture = _with_an_image(own, server, email)
    page.goto("/account")
    expect(page.locator("main")).to_contain_text(email)
    own.look("account")
    page.get_by_label("Country you live in").select_option("FR")
    page.get_by_role("button", name="Save country").click()
    expect(page.get_by_label("Country you live in")).to_have_value("FR")

    _each_switch(own, "Consents", look="consents", count=2)
    _each_switch(own, "Objections", look="objections", count=1)
    _each_switch(own, "Restriction", look="restriction", count=1)

    _account_page(own, "Export")
    own.look("export-empty")
    page.get_by_role("button", name="Make my export").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    own.look("export")
    archive = tmp_path / "export.zip"
    download.value.save_as(archive)
    folder = _unpack(archive, person, picture)
    _opens_offline(own, folder)

    _account_page(own, "Delete account")
    own.look("delete")
    page.get_by_role("button", name="Delete my account").click()
    expect(page.locator(".error-summary")).to_be_focused()
    own.look("delete-refused")
    page.get_by_label("Type “delete” to confirm").fill("delete")
    page.get_by_role("button", name="Delete my account").click()
    page.get_by_role("heading", name="Your account is deleted").wait_for()
    own.look("deleted")
    for _ in range(3):  # what was shown before is not kept: back gives the way in, or the browser's own page
        with contextlib.suppress(Error):
            page.go_back()
        expect(page.locator("body")).not_to_contain_text(email)
    for path in ("/studio", "/history", "/account", "/account/export"):
        page.goto(path)
        page.wait_for_url("**/start")


def _account_page(own: Visit, words: str) -> None:
    own.page.get_by_role("navigation", name="Your account").get_by_role("link", name=words).click()
    own.page.wait_for_load_state()


def _each_switch(own: Visit, words: str, *, look: str, count: int) -> None:
    """S1, S37: every switch is off, turns on, keeps the focus, says so, and turns off again."""
    page = own.page
    _account_page(own, words)
    switches = page.get_by_role("switch")
    assert switches.count() >= count
    for number in range(switches.count()):
        expect(switches.nth(number)).to_have_attribute("aria-checked", "false")
    own.look(look)
    switches.first.click()
    expect(switches.first).to_have_attribute("aria-checked", "true")
    expect(switches.first).to_be_focused()
    expect(page.get_by_role("status")).to_be_visible()
    own.look(f"{look}-on")
    for number in range(1, switches.count()):
        expect(switches.nth(number)).to_have_attribute("aria-checked", "false")
    switches.first.click()
    expect(switches.first).to_have_attribute("aria-checked", "false")


def _unpack(archive: Path, person: str, picture: bytes) -> Path:
    """S36: every file is the one that the manifest names, and the picture is the original, byte for byte."""
    folder = archive.parent / "export"
    with zipfile.ZipFile(archive) as packed:
        assert packed.testzip() is None
        names = packed.namelist()
        assert all(re.fullmatch(r"[\w./-]+", name) and ".." not in name for name in names)
        packed.extractall(folder)
    manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_bytes())
    assert manifest["subject"] == person
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", manifest["policy"]["digest"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", manifest["as_of"])
    assert {file["name"] for file in manifest["files"]} | {"manifest.json"} == set(names)
    for file in manifest["files"]:
        content = (folder / file["name"]).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (file["size"], file["sha256"])
    originals = [path.read_bytes() for path in (folder / "files").rglob("*.png")]
    assert picture in originals
    images = json.loads((folder / "data" / "images.json").read_bytes())
    assert [image["prompt"] for image in images] == [PROMPT]
    for name, count in manifest["counts"].items():
        rows = sum(len(json.loads(each.read_bytes())) for each in (folder / "data").glob(f"{name}*.json"))
        assert rows >= count > 0 or rows == count == 0, name
    return folder


def _opens_offline(own: Visit, folder: Path) -> None:
    """S20, S36: the archive's pages open from the disk without a network, ask for nothing, are sound."""
    context = own.context.browser.new_context(viewport=own.size, offline=True)
    asked: list[str] = []
    page = context.new_page()
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: asked.append(f"error: {error}"))
    try:
        page.goto((folder / "index.html").as_uri())
        pages = [link.get_attribute("href") for link in page.locator("a[href^='pages/']").all()]
        assert "pages/images.html" in pages
        seen = []
        for path in ("index.html", "pages/images.html"):
            page.goto((folder / path).as_uri())
            for mode in ("dark", "light"):
                page.emulate_media(color_scheme=mode)
                own.shoot(f"export-{Path(path).stem}", mode, page)
                assert axe_findings(page, colours=mode == "dark") == []
            assert not page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
            seen += page.evaluate(
                "Promise.all([...document.images].map((i) => i.decode().then(() => i.naturalWidth)))"
            )
        assert 512 in seen
        broken = [path for path in pages if path and not (folder / path).is_file()]
        assert broken == []
        assert [url for url in asked if not url.startswith((folder.as_uri() + "/", "data:"))] == []
    finally:
        context.close()


def test_the_right_to_an_export_needs_no_terms(server: LiveServer, visit: Come) -> None:
    """X10: somebody who never accepted the terms exports and deletes what is theirs, and makes nothing."""
    own = visit(DESKTOP)
    page = own.page
    with server.visitor() as curl:
        server.sign_up(curl, "no.terms@example.org", accept=False)
        assert curl.get("/studio", headers=JSON).status_code == 403
        own.take(curl.cookies)
    page.goto("/studio")
    page.wait_for_url("**/welcome")
    page.goto("/account/export")
    page.get_by_role("button", name="Make my export").click()
    expect(page.get_by_role("link", name="Download")).to_be_visible()
    page.goto("/account/delete")
    page.get_by_label("Type “delete” to confirm").fill("delete")
    page.get_by_role("button", name="Delete my account").click()
    page.get_by_role("heading", name="Your account is deleted").wait_for()
