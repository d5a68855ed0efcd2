"""A newcomer's walk: from the overview to the failing tool call of a failed run of the sample, with the mouse, by keys alone, without scripts."""

import pytest
from playwright.sync_api import Page, expect


@pytest.fixture
def newcomer(person, installation):
    """Has the sample swarm and nothing else."""
    found = person("newcomer")
    with installation.app.app_context():
        result = installation.app.test_cli_runner().invoke(args=["seed", "--email", found.email])
    assert result.exit_code == 0, result.output
    return found


def sees_the_failing_call(page: Page) -> None:
    """The step's panel, and the sentence that tells of it: agent, tool and error."""
    panel = page.locator("#span")
    expect(panel).to_be_visible()
    tool = panel.get_by_role("heading", level=2)
    expect(panel.locator(".tag").first).to_have_text("tool")
    expect(panel.locator("mark")).to_contain_text("HTTPStatusError")
    told = page.locator("#story li", has_text="failed").first
    expect(told).to_contain_text(tool.inner_text().removeprefix("execute_tool "))
    expect(told).to_contain_text("HTTPStatusError")
    expect(told).to_contain_text(panel.locator("dl.kv a").first.inner_text())
    expect(page.get_by_role("region", name="What broke it")).to_contain_text(
        "The run failed with the error that began here"
    )


def test_with_the_mouse_in_two_clicks(tab, newcomer):
    opened = tab(newcomer)
    opened.open("/")
    opened.page.get_by_role("link", name="Open the failed run").click()
    opened.page.get_by_role("region", name="What broke it").get_by_role(
        "link", name="Show step"
    ).first.click()
    expect(opened.page.locator("#span")).to_be_in_viewport()
    sees_the_failing_call(opened.page)
    opened.page.locator("#span").get_by_role("link", name="Close step").click()
    opened.page.locator("#story li", has_text="failed").first.get_by_role("link").click()
    sees_the_failing_call(opened.page)
    assert len(opened.loads) <= 2


def test_by_keys_alone(tab, newcomer):
    opened = tab(newcomer)
    opened.open("/")
    tab_to(opened.page, "Open the failed run")
    opened.page.keyboard.press("Enter")
    expect(opened.page.locator("#story")).to_be_visible()
    opened.page.wait_for_load_state()  # keys work once the scripts have run
    opened.page.keyboard.press("f")
    expect(opened.page.locator("#span")).to_be_focused()
    sees_the_failing_call(opened.page)
    opened.page.keyboard.press("Escape")
    expect(opened.page.locator("#span")).to_be_hidden()
    opened.page.reload()
    tab_to(opened.page, "Show step")
    opened.page.keyboard.press("Enter")
    expect(opened.page.locator("#span")).to_be_focused()
    sees_the_failing_call(opened.page)


def tab_to(page: Page, words: str, most: int = 60) -> None:
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.innerText || ''").startswith(words):
            return
    raise AssertionError(f"{words} is not reached in {most} steps")


def test_without_scripts(tab, newcomer):
    opened = tab(newcomer, script=False)
    opened.open("/")
    opened.page.get_by_role("link", name="Open the failed run").click()
    sees_the_failing_call(opened.page)
    opened.page.locator("#span").get_by_role("link", name="Close step").click()
    expect(opened.page.locator("#span")).to_be_hidden()
    opened.page.get_by_role("region", name="What broke it").get_by_role(
        "link", name="Show step"
    ).first.click()
    sees_the_failing_call(opened.page)
