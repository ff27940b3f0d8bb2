// Join the articles of all pages into one, for `ising-book pdf`: an address within the book becomes the id
// "page" or "page#place", other files of the book have no link.
async (chapters) => {
  const articles = chapters.map(({ name, url, text }) => {
    const page = new DOMParser().parseFromString(text, "text/html");
    page.head.prepend(Object.assign(page.createElement("base"), { href: url }));
    const article = page.querySelector("article");
    for (const image of article.querySelectorAll("img[src]")) image.src = image.src;
    for (const link of article.querySelectorAll("a[href]")) link.href = link.href;
    for (const place of article.querySelectorAll("[id]:not(.animation *)")) place.id = `${name}#${place.id}`;
    article.id = name;
    return document.adoptNode(article);
  });
  const contents = articles[0].cloneNode();
  contents.id = "contents";
  contents.innerHTML = "<h1>Contents</h1><ol></ol>";
  for (const article of articles.slice(1)) {
    const link = Object.assign(document.createElement("a"), { href: `#${article.id}` });
    link.textContent = article.querySelector("h1").firstChild.textContent;
    contents.lastChild.append(document.createElement("li"));
    contents.lastChild.lastChild.append(link);
  }
  articles.splice(1, 0, contents);
  document.querySelector(".bd-article-container").replaceChildren(...articles);

  const names = new Map(chapters.map(({ name, url }) => [url, name]));
  for (const link of document.querySelectorAll("article a[href]")) {
    const [url, place] = link.href.split("#");
    const ids = [`${names.get(url)}#${place}`, names.get(url)];
    if (names.has(url)) link.href = `#${ids.find((id) => document.getElementById(id))}`;
    else if (url.startsWith("file:") && link.host === "" && !link.getAttribute("href").startsWith("#"))
      link.removeAttribute("href");
  }
  for (const script of document.querySelectorAll("article script:not([src])")) {
    const again = document.createElement("script"); // one that was parsed aside does not run
    again.textContent = script.textContent;
    script.replaceWith(again);
  }
  await new Promise((resolve) => setTimeout(resolve, 500)); // the films' own scripts wait as well
  for (const slider of document.querySelectorAll(".animation input[type=range]")) {
    slider.value = slider.max;
    slider.dispatchEvent(new Event("input"));
  }
  for (const fold of document.querySelectorAll("details:not(.hide)")) fold.open = true;
  if (window.MathJax) await MathJax.startup.promise.then(() => MathJax.typesetPromise());
  await Promise.all([...document.images].map((image) => {
    image.loading = "eager";
    return image.decode();
  }));
  await document.fonts.ready;
}
