(() => {
  const cards = [...document.querySelectorAll('.render')];
  const chosen = { category: 'all', verdict: 'all' };
  const none = document.getElementById('none-match');
  const apply = () => {
    let shown = 0;
    for (const card of cards) {
      card.hidden = (chosen.category !== 'all' && card.dataset.category !== chosen.category)
        || (chosen.verdict !== 'all' && card.dataset.verdict !== chosen.verdict);
      shown += card.hidden ? 0 : 1;
    }
    for (const block of document.querySelectorAll('.category')) block.hidden = !block.querySelector('.render:not([hidden])');
    if (none) none.hidden = shown > 0;
  };
  for (const button of document.querySelectorAll('.filters button')) {
    button.addEventListener('click', () => {
      chosen[button.dataset.filter] = button.dataset.value;
      for (const other of document.querySelectorAll(`.filters button[data-filter="${button.dataset.filter}"]`))
        other.setAttribute('aria-pressed', String(other === button));
      apply();
    });
  }

  const box = document.querySelector('dialog.lightbox');
  const image = box.querySelector('img');
  const words = box.querySelector('figcaption');
  let openers = [];
  let place = 0;
  const show = (to) => {
    place = (to + openers.length) % openers.length;
    const opener = openers[place];
    const small = opener.querySelector('img');
    image.onerror = () => { image.onerror = null; image.src = small.getAttribute('src'); };
    image.src = opener.dataset.full || small.getAttribute('src');
    image.alt = small.alt;
    words.textContent = opener.dataset.words || small.alt;
  };
  document.addEventListener('click', (event) => {
    const opener = event.target.closest('[data-zoom]');
    if (!opener) return;
    openers = [...document.querySelectorAll('[data-zoom]')].filter((each) => each.dataset.zoom === opener.dataset.zoom && each.offsetParent);
    show(openers.indexOf(opener));
    box.showModal();
  });
  box.addEventListener('click', (event) => { if (event.target === box) box.close(); });
  box.querySelector('[data-go="-1"]').addEventListener('click', () => show(place - 1));
  box.querySelector('[data-go="1"]').addEventListener('click', () => show(place + 1));
  box.querySelector('[data-close]').addEventListener('click', () => box.close());
  document.addEventListener('keydown', (event) => {
    if (!box.open) return;
    if (event.key === 'ArrowLeft') show(place - 1);
    if (event.key === 'ArrowRight') show(place + 1);
  });
})();
