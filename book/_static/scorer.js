/* How the book's search ranks what it finds: sessions before reference pages, a word in a title before one in a text. */
var Scorer = {
  score: function (result) {
    const page = result[0], score = result[4];
    return score + (page.startsWith("notebooks/") ? 12 : /^book\/api/.test(page) ? -8 : 0);
  },
  objNameMatch: 8, objPartialMatch: 5, objPrio: {0: 5, 1: 0, 2: -5}, objPrioDefault: 0,
  title: 15, partialTitle: 7, term: 5, partialTerm: 2,
};
