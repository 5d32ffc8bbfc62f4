/* Colours "> **Predict, then run.** ...", Pitfall and Take-away in JupyterLab as in the book.
   Written as JupyterLab loads extensions, so that no build is needed. */
(function () {
  "use strict";
  const COLOURS = {predict: "0, 114, 178", pitfall: "213, 94, 0", "take-away": "0, 158, 115"};

  function dress(root) {
    root.querySelectorAll(".jp-RenderedMarkdown blockquote p:first-child > strong:first-child").forEach(function (word) {
      const kind = Object.keys(COLOURS).find(function (name) { return word.textContent.toLowerCase().startsWith(name); });
      const quote = word.closest("blockquote");
      if (!kind || quote.dataset.box) return;
      quote.dataset.box = kind;
      quote.style.borderLeft = "4px solid rgb(" + COLOURS[kind] + ")";
      quote.style.background = "rgba(" + COLOURS[kind] + ", 0.09)";
      quote.style.padding = "0.6em 1em";
    });
  }

  const plugin = {
    id: "tutorial_utils:boxes",
    autoStart: true,
    activate: function () {
      dress(document);
      new MutationObserver(function () { dress(document); }).observe(document.body, {childList: true, subtree: true});
    },
  };

  window._JUPYTERLAB = window._JUPYTERLAB || {};
  window._JUPYTERLAB.tutorial_utils = {
    init: function () {},
    get: function () { return Promise.resolve(function () { return {default: plugin}; }); },
  };
})();
