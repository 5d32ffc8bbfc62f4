/* Keys turn the slides; the address keeps the number, so that a reload stays where it was. */
(function () {
  "use strict";
  const slides = Array.from(document.querySelectorAll("main > section"));
  const forward = ["ArrowRight", "ArrowDown", "PageDown", " "];
  const back = ["ArrowLeft", "ArrowUp", "PageUp"];

  function current() {
    const tops = slides.map(function (slide) { return Math.abs(slide.getBoundingClientRect().top); });
    return tops.indexOf(Math.min.apply(null, tops));
  }

  function show(number) {
    const slide = slides[Math.max(0, Math.min(slides.length - 1, number))];
    slide.scrollIntoView();
    if (slide.id) history.replaceState(null, "", "#" + slide.id);
  }

  document.addEventListener("keydown", function (event) {
    const step = forward.includes(event.key) ? 1 : back.includes(event.key) ? -1 : 0;
    if (!step) return;
    event.preventDefault();
    show(current() + step);
  });
})();
