// Pages whose title has the words of the query come first, the reference of the code after all other pages,
// and the changelog last. A query with a dot or an underscore means code, and is left to Sphinx, whose
// numbers stand below. "var", since its script declares the name once more.
var Scorer = {
  score: ([page, title, , , score]) => {
    const query = new URLSearchParams(location.search).get("q").toLowerCase();
    if (page === "book/changelog") return score - 400;
    if (/[._]/.test(query)) return score;
    const words = new Set(title.toLowerCase().match(/\w+/g));
    const shared = query.match(/\w+/g)?.filter((word) => words.has(word)) ?? [];
    return score + 5 * shared.length - (page.startsWith("book/api") ? 200 : 0);
  },
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
